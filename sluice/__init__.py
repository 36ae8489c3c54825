"""The operator's and developer's tool. Nothing in here is ever deployed."""
