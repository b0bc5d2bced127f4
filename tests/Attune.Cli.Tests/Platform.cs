// These tests start the launcher, which is a POSIX shell's, and set the rights of files.
[assembly: System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
