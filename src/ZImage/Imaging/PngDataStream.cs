namespace ZImage.Imaging;

/// <summary>Cuts what is written to it into IDAT chunks of 64 KiB, so that no whole file is held in memory.</summary>
internal sealed class PngDataStream(Stream target) : Stream
{
    private readonly byte[] _buffer = new byte[65536];
    private int _count;

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            int part = Math.Min(buffer.Length, _buffer.Length - _count);
            buffer[..part].CopyTo(_buffer.AsSpan(_count));
            buffer = buffer[part..];
            _count += part;
            if (_count == _buffer.Length)
            {
                WriteChunk();
            }
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
        // A chunk is written when it is full or the last one; a flush in between would only make chunks smaller.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing && _count > 0)
        {
            WriteChunk();
        }

        base.Dispose(disposing);
    }

    private void WriteChunk()
    {
        int count = _count;
        _count = 0; // before writing: a failed write must not be tried again by Dispose
        PngWriter.WriteChunk(target, "IDAT"u8, _buffer.AsSpan(0, count));
    }
}
