"""The usual libraries in a Django project of their own, as `startproject` makes it: what Keyhouse is compared with."""
