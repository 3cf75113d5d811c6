// Runs before anything is drawn: tells the style sheets that JavaScript is there.
document.documentElement.classList.add("js");
