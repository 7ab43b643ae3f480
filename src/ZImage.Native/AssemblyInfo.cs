using System.Runtime.CompilerServices;

// Every signature here is blittable: the runtime passes the bytes as they are, and the compiler rejects what would need conversion.
[assembly: DisableRuntimeMarshalling]
