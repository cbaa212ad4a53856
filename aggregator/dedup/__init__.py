"""Which entries are known, edited, copied, or the same story: decisions alone.

* ``noise``        what changes by itself, taken out of a text
* ``fingerprint``  the hashes by which an entry is found again (in the worker)
* ``signature``    an entry's words as similarity sees them (in the worker)
* ``arrival``      what a new entry's date is and whether it may be published
* ``edits``        noise, correction or news
* ``candidates``   which entries are worth comparing
* ``similarity``   how alike two entries are by their words
* ``stories``      who joins whom, who leads
"""
