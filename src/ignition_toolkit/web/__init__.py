"""Parent wing: the pages. Turns views into HTML; knows no address and no worker."""
