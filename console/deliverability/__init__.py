"""What becomes of mails at each receiving domain."""
