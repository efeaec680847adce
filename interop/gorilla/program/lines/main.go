// A client on gorilla/websocket that talks in lines: lines URI
//
// Each line of standard input is sent as a text message; each message that comes is printed as a line.
package main

import (
	"bufio"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/gorilla/websocket"
)

func main() {
	connection, _, err := websocket.DefaultDialer.Dial(os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("open")
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		for {
			_, message, err := connection.ReadMessage()
			if err != nil {
				return
			}
			fmt.Printf("%s\n", message)
		}
	}()
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if err := connection.WriteMessage(websocket.TextMessage, lines.Bytes()); err != nil {
			log.Fatal(err)
		}
	}
	bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	if err := connection.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Second)); err != nil {
		log.Fatal(err)
	}
	<-closed
	connection.Close()
}
