using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using ZImage.Tests.Golden;
using ZImage.Weights;

namespace ZImage.Tests.Support;

/// <summary>A golden checkpoint: where it is, and copies of it that a test may break.</summary>
internal sealed class GoldenCheckpoint : IDisposable
{
    private readonly TemporaryFolder folder = new();

    /// <summary>Copies a golden checkpoint.</summary>
    /// <param name="name">tiny-turbo or tiny-base.</param>
    public GoldenCheckpoint(string name)
    {
        Path = System.IO.Path.Combine(folder.Path, name);
        string source = PathOf(name);
        foreach (string file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories))
        {
            string copy = System.IO.Path.Combine(Path, System.IO.Path.GetRelativePath(source, file));
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(copy)!);
            System.IO.File.Copy(file, copy);
        }
    }

    /// <summary>The copy's folder.</summary>
    public string Path { get; }

    /// <summary>The folder of a golden checkpoint in the repository.</summary>
    public static string PathOf(string name) => System.IO.Path.GetDirectoryName(GoldenFile.PathOf("checkpoints", name, "model_index.json"))!;

    /// <summary>The path of a file in the copy, named with slashes.</summary>
    public string File(string name) => System.IO.Path.Combine([Path, .. name.Split('/')]);

    /// <summary>Changes a JSON file.</summary>
    public void EditJson(string name, Action<JsonObject> change)
    {
        JsonObject json = JsonNode.Parse(System.IO.File.ReadAllText(File(name)))!.AsObject();
        change(json);
        System.IO.File.WriteAllText(File(name), json.ToJsonString());
    }

    /// <summary>Changes the header of a safetensors file; its data stay as they are.</summary>
    public void EditHeader(string name, Action<JsonObject> change)
    {
        byte[] bytes = System.IO.File.ReadAllBytes(File(name));
        int length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        JsonObject header = JsonNode.Parse(bytes.AsSpan(8, length))!.AsObject();
        change(header);
        byte[] changed = Encoding.UTF8.GetBytes(header.ToJsonString());
        byte[] size = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(size, changed.Length);
        System.IO.File.WriteAllBytes(File(name), [.. size, .. changed, .. bytes.AsSpan(8 + length)]);
    }

    /// <summary>Writes NaN over the first element of a tensor.</summary>
    public void SetNaN(string name, string tensor)
    {
        SafetensorsEntry entry;
        using (SafetensorsFile file = SafetensorsFile.Open(File(name)))
        {
            entry = file.Entry(tensor);
        }

        using FileStream stream = System.IO.File.OpenWrite(File(name));
        stream.Position = entry.Offset;

        // All exponent bits and the highest bit of the fraction, little-endian.
        stream.Write(entry.TypeName switch
        {
            "F32" => [0x00, 0x00, 0xC0, 0x7F],
            "BF16" => [0xC0, 0x7F],
            _ => (ReadOnlySpan<byte>)[0x00, 0x7E],
        });
    }

    public void Dispose() => folder.Dispose();
}
