using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>Strings as C wants a list of them: pointers to zero-terminated UTF-8, alive until disposed.</summary>
internal sealed unsafe class Utf8StringArray : IDisposable
{
    private readonly int _count;
    private byte** _pointers;

    /// <summary>Copies strings.</summary>
    /// <param name="strings">The strings.</param>
    public Utf8StringArray(IReadOnlyCollection<string> strings)
    {
        _count = strings.Count;
        _pointers = (byte**)NativeMemory.AllocZeroed((nuint)Math.Max(_count, 1), (nuint)sizeof(byte*));
        int index = 0;
        foreach (string text in strings)
        {
            _pointers[index++] = (byte*)Marshal.StringToCoTaskMemUTF8(text);
        }
    }

    /// <summary>[count] pointers.</summary>
    /// <exception cref="ObjectDisposedException">The strings are freed.</exception>
    public byte** Pointers
    {
        get
        {
            ObjectDisposedException.ThrowIf(_pointers is null, this);
            return _pointers;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_pointers is null)
        {
            return;
        }

        for (int index = 0; index < _count; index++)
        {
            Marshal.FreeCoTaskMem((nint)_pointers[index]);
        }

        NativeMemory.Free(_pointers);
        _pointers = null;
    }
}
