"""Commands of developers: from an app to a running function, its calls, its money."""
