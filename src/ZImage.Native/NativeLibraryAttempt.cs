namespace ZImage.Native;

/// <summary>One place where a native library was looked for.</summary>
/// <param name="Path">The file or name that was tried, or the setting that was consulted.</param>
/// <param name="Reason">Why it did not give the library; for the last attempt of a successful search, that it was loaded.</param>
public readonly record struct NativeLibraryAttempt(string Path, string Reason);
