"""The shim: stands between the road and the emulated Kinesis, S3 and Lambda, and plays the faults that are on."""
