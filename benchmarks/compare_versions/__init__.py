"""Whether two versions of jobrunner behave alike: ``scripts/compare-versions OLD NEW``.

Both live the same life on real paper lists, as a user would see it: they are started as programs,
and only what they print, write and return is looked at.
"""
