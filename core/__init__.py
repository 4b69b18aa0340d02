"""What the product knows: no SQL, no HTTP server, no web framework in here."""
