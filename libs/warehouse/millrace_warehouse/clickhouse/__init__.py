"""What any ClickHouse engine is asked, over connections that an adapter opens: in this process (``chdb``) or on a server
(``server``)."""
