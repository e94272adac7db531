"""AWS on a slow day: what is made is seen seconds later, lists come in small pages, and some calls are turned away.

All of it is off until `slow` in the file of limits says otherwise (`switches.py`).
"""
