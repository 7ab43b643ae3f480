using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;
using ZImage.Tensors;

namespace ZImage.Weights;

/// <summary>
/// A whole file mapped into memory for reading. Pages come from the disk when they are first touched and can be dropped by the system
/// again, so opening costs nothing and weights that stay mapped do not count as the process's own memory.
/// </summary>
/// <remarks>
/// The file must not be cut short while it is mapped: touching a page that has gone ends the process, and no code can prevent that.
/// </remarks>
internal sealed unsafe class MappedStorage : TensorStorage
{
    private readonly FileStream stream;
    private readonly MemoryMappedFile file;
    private readonly MemoryMappedViewAccessor view;
    private bool released;

    private MappedStorage(FileStream stream, MemoryMappedFile file, MemoryMappedViewAccessor view, nint address, long bytes)
        : base(address, bytes)
    {
        this.stream = stream;
        this.file = file;
        this.view = view;
    }

    /// <summary>Unmaps a file that nobody disposed; runs only when no tensor looks into it any more.</summary>
    ~MappedStorage() => Dispose(false);

    /// <summary>The open file, for those who read large parts of it once: that is faster than touching its pages.</summary>
    public SafeFileHandle Handle => stream.SafeFileHandle;

    /// <summary>The mapped bytes from <paramref name="start"/> on; the span dies with this object.</summary>
    public ReadOnlySpan<byte> Span(long start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, Bytes - length);
        return new ReadOnlySpan<byte>((byte*)Address + start, length);
    }

    /// <summary>Maps the file at <paramref name="path"/>, which is not empty.</summary>
    /// <exception cref="IOException">The file cannot be opened or mapped.</exception>
    public static MappedStorage Open(string path)
    {
        FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 0);
        MemoryMappedFile? file = null;
        MemoryMappedViewAccessor? view = null;
        try
        {
            long bytes = stream.Length;
            file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
            view = file.CreateViewAccessor(0, bytes, MemoryMappedFileAccess.Read);
            byte* pointer = null;
            view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
            return new MappedStorage(stream, file, view, (nint)(pointer + view.PointerOffset), bytes);
        }
        catch
        {
            view?.Dispose();
            file?.Dispose();
            stream.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (released)
        {
            return;
        }

        released = true;
        view.SafeMemoryMappedViewHandle.ReleasePointer();
        Address = 0;
        if (disposing)
        {
            view.Dispose();
            file.Dispose();
        }
    }
}
