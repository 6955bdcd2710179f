"""Published layouts: each module knows the files of one dataset and drafts the ``dataset.toml`` that reads them."""
