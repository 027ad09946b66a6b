"""Sphinx configuration: `make docs` builds with warnings as errors."""

import arbiter

project = "Arbiter"
author = "The Arbiter authors"
project_copyright = author
version = release = arbiter.__version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# The pages at the repository's root link to each other by file name, which is right
# where they stand and cannot be resolved from the built pages that include them.
suppress_warnings = ["myst.xref_missing"]

html_theme = "furo"
html_title = f"Arbiter {release}"
