// Package host measures the box a node runs on: processor, memory, disks, network, temperature and the
// process itself, through gopsutil and the control group files of Linux.
package host
