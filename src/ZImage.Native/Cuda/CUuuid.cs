using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>Identity of a device, [16] bytes in the order in which tools print them.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CUuuid
{
    /// <summary>The bytes.</summary>
    public fixed byte bytes[16];

    /// <summary>The form that nvidia-smi prints: GPU- and a GUID.</summary>
    public override readonly string ToString()
    {
        fixed (byte* first = bytes)
        {
            return $"GPU-{new Guid(new ReadOnlySpan<byte>(first, 16), bigEndian: true)}";
        }
    }
}
