module mysqlops/lab/watch-holder

go 1.26.0
