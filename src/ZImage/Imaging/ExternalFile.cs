using System.Runtime.InteropServices;
using System.Security.Cryptography;
using ZImage.Tensors;

namespace ZImage.Imaging;

/// <summary>A file that a request used, told without its folder.</summary>
/// <param name="Name">Base name; <c>(memory)</c> for data that came from no file.</param>
/// <param name="Sha256">SHA-256 in lower-case hexadecimal digits, or its first sixteen.</param>
public sealed record ExternalFile(string Name, string Sha256)
{
    private const int ShortDigits = 16;
    private const string InMemory = "(memory)";

    /// <summary>Hashes a file.</summary>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static ExternalFile FromFile(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        using FileStream file = File.OpenRead(path);
        return new ExternalFile(Path.GetFileName(path), Convert.ToHexStringLower(SHA256.HashData(file)));
    }

    /// <summary>Whether a full SHA-256 is the one that is told here.</summary>
    public bool Matches(string sha256) =>
        Sha256.Length >= ShortDigits && (sha256 ?? "").StartsWith(Sha256, StringComparison.OrdinalIgnoreCase);

    internal ExternalFile Short() => Sha256.Length <= ShortDigits ? this : this with { Sha256 = Sha256[..ShortDigits] };

    internal static ExternalFile From(ImageBuffer image) => new(InMemory, Convert.ToHexStringLower(SHA256.HashData(image.Rgb)));

    internal static ExternalFile From(HostTensor tensor) =>
        new(InMemory, Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(tensor.Values))));
}
