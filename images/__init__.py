"""The container images of the project: what they hold, their bytes, their bills of materials.

Nothing of policyc is imported: an image can be built of a tree whose code does not run.
"""
