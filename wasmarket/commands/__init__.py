"""The commands, one module per noun or errand; each is imported only when it is called."""
