"""What an encoder is made from, and where its files and vectors are kept."""
