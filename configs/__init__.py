"""Data only: strict YAML files, a folder for each verb and subject, and their one reader."""
