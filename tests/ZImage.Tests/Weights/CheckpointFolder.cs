using System.Buffers.Binary;
using System.Text;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Tests.Weights;

/// <summary>A folder of its own for one test, gone afterwards.</summary>
internal sealed class CheckpointFolder : IDisposable
{
    public CheckpointFolder() => Path = Directory.CreateTempSubdirectory("zimage-tests-").FullName;

    public string Path { get; }

    /// <summary>The path of something inside, its folder made.</summary>
    public string At(params string[] names)
    {
        string path = System.IO.Path.Combine([Path, .. names]);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        return path;
    }

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public string Write(string name, byte[] bytes)
    {
        string path = At(name.Split('/'));
        File.WriteAllBytes(path, bytes);
        return path;
    }

    /// <summary>Writes a file from a header and data, by the format's definition and without our writer.</summary>
    public string WriteRaw(string name, string header, params byte[] data) => Write(name, Raw(header, data));

    /// <summary>Writes zeros of the given shapes with our writer.</summary>
    public string WriteZeros(string name, DType type, params (string Name, int[] Shape)[] tensors)
    {
        string path = At(name.Split('/'));
        SafetensorsWriter.Write(path, tensors.Select(tensor =>
        {
            Shape shape = new(tensor.Shape);
            return new SafetensorsTensor(tensor.Name, type, shape, new byte[shape.Count * type.SizeBytes()]);
        }));
        return path;
    }

    public static byte[] Raw(string header, params byte[] data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] file = new byte[8 + json.Length + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(file, json.Length);
        json.CopyTo(file, 8);
        data.CopyTo(file, 8 + json.Length);
        return file;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
