"""A month's credits: from the file to the drop and its report."""
