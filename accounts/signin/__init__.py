"""How people show who they are: passwords, second factors, and what happens to those who only try."""
