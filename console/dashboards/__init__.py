"""Pages of dashboards: saved queries as pictures, their numbers kept and made anew in the background."""
