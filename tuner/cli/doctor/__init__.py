"""``lambda-tuner doctor``: what stands in the way of a run, before and after ``sam deploy``.

``checks`` judges what AWS answered, ``permissions`` asks IAM's simulator, ``probe`` tunes a function of its own and
removes it, ``comparison`` holds what happened against ``reference.json``, ``command`` puts them in order.
"""
