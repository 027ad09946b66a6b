"""Compiled inner loops over packed float64 arrays, each with a plain-Python twin.

numba takes half a second to import: only what really prices quotes imports from here, and from
the module it needs (`quote_step`), never from the package. numba keeps its cache where
``NUMBA_CACHE_DIR`` says at its own first import, which the composition root sets.
"""
