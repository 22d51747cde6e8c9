module example.com/polyglot/server

go 1.21
