"""`imgedit page`: edits in the browser, with a page that this machine serves.

`choices` and `work` know no web framework: which words there are to choose, and what becomes of a photo. `layout` is
the page, made with Gradio; `serve` keeps it on this machine, and clears up after it; `uploads` keeps visitors' files
apart, and visitors from naming files of this machine; `logins` slows down who guesses the password.
"""
