// Answers its body in upper case. Raw ABI: see ../raw-abi.md.
package main

import (
	"bytes"
	"unsafe"
)

// Rooms keeps what the host writes to and reads from out of the collector's reach.
var rooms = map[uint32][]byte{}

func keep(room []byte) uint32 {
	pointer := uint32(uintptr(unsafe.Pointer(unsafe.SliceData(room))))
	rooms[pointer] = room
	return pointer
}

//go:wasmexport alloc
func alloc(size uint32) uint32 {
	return keep(make([]byte, max(size, 1)))
}

//go:wasmexport dealloc
func dealloc(pointer, size uint32) {
	delete(rooms, pointer)
}

//go:wasmexport upper
func upper(pointer, size uint32) uint64 {
	body := rooms[pointer]
	delete(rooms, pointer)
	answer := bytes.ToUpper(body[:min(size, uint32(len(body)))])
	if len(answer) == 0 {
		return 0
	}
	return uint64(keep(answer))<<32 | uint64(len(answer))
}

func main() {}
