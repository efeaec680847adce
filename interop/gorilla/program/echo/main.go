// An echo server on gorilla/websocket: echo HOST PORT
package main

import (
	"log"
	"net"
	"net/http"
	"os"

	"github.com/gorilla/websocket"
)

func echo(answer http.ResponseWriter, request *http.Request) {
	upgrader := websocket.Upgrader{}
	connection, err := upgrader.Upgrade(answer, request, nil)
	if err != nil {
		log.Print(err)
		return
	}
	defer connection.Close()
	for {
		kind, message, err := connection.ReadMessage()
		if err != nil {
			return
		}
		if err := connection.WriteMessage(kind, message); err != nil {
			return
		}
	}
}

func main() {
	address := net.JoinHostPort(os.Args[1], os.Args[2])
	log.Fatal(http.ListenAndServe(address, http.HandlerFunc(echo)))
}
