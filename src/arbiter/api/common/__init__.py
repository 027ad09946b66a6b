"""What every HTTP surface shares: authentication, errors, pagination."""
