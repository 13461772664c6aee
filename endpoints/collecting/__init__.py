"""What web pages send with a public key (docs/adr/0027-web-pages.md): the door in front of Django, what it takes, and how much of it."""
