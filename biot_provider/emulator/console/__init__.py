"""The console: a web page that shows the platform's contents and its activity."""
