"""The page that people look at, and the picture that they paste: values in, HTML or SVG out.

`rendering.py` alone needs Jinja2. Everything else here needs Python alone.
"""
