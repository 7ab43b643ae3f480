namespace ZImage.Native;

/// <summary>Placeholder.</summary>
public static class NativeLibraryResolver
{
}
