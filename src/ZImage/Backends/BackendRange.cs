namespace ZImage.Backends;

/// <summary>A named range for profilers that ends with its scope: <c>using (backend.Range("layers.0")) { ... }</c>. Nothing is allocated.</summary>
internal readonly ref struct BackendRange(IBackend backend)
{
    /// <summary>Closes the range.</summary>
    public void Dispose() => backend.EndRange();
}

/// <summary>Ranges on any backend.</summary>
internal static class BackendRanges
{
    /// <summary>Opens a range; what is returned closes it.</summary>
    public static BackendRange Range(this IBackend backend, string name)
    {
        backend.BeginRange(name);
        return new BackendRange(backend);
    }
}
