"""What is asked, turned into changes. One file an edit."""
