"""The desk's pages for people.

They know the engine by the desk's REST and stream alone, over HTTP, so that they can be served by
another process unchanged. A page keeps what it shows as named regions of HTML; an update sends the
browser only the regions that changed, and the browser changes only the text that differs.
"""
