"""The services that are compared: complete programs, as those would write them who know the libraries."""
