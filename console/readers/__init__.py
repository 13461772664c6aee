"""Who opened and clicked a campaign's mails, and with what."""
