namespace ZImage.Native;

/// <summary>A named range of a thread's time that profilers show: <c>using (NvtxRange.Push("attention"u8)) { ... }</c>. Ranges nest.</summary>
internal readonly unsafe ref struct NvtxRange
{
    private const int StackBytes = 256;
    private readonly bool _pushed;

    private NvtxRange(bool pushed) => _pushed = pushed;

    /// <summary>Opens a range. Without a tool it does nothing.</summary>
    /// <param name="utf8">Name in UTF-8; needs no terminating zero.</param>
    /// <returns>What closes it, on the same thread.</returns>
    public static NvtxRange Push(ReadOnlySpan<byte> utf8)
    {
        if (!Nvtx.IsAttached)
        {
            return default;
        }

        PushTerminated(utf8);
        return new NvtxRange(pushed: true);
    }

    /// <summary>Closes the range.</summary>
    public void Dispose()
    {
        if (_pushed)
        {
            Nvtx.Pop();
        }
    }

    // A span need not end in a zero; the copy does.
    private static void PushTerminated(ReadOnlySpan<byte> utf8)
    {
        Span<byte> name = utf8.Length < StackBytes ? stackalloc byte[StackBytes] : new byte[utf8.Length + 1];
        utf8.CopyTo(name);
        name[utf8.Length] = 0;
        fixed (byte* text = name)
        {
            Nvtx.Push(text);
        }
    }
}
