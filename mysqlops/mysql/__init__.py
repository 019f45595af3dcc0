"""The only importer of pymysql."""
