using System.Globalization;
using System.Runtime.InteropServices;
using ZImage.Weights;

namespace ZImage.Tensors;

/// <summary>
/// Writes every named intermediate of one stage run to a safetensors file, as F32. Values go to a spool file as they come, because those of a whole
/// step do not fit in memory; the file appears under its name when the dump is disposed.
/// </summary>
/// <remarks>A name recorded again in the same run gets <c>#2</c>, <c>#3</c> and so on appended.</remarks>
public sealed class TensorDump : ITensorProbe, IDisposable
{
    private readonly string path;
    private readonly bool overwrite;
    private readonly Func<Tensor, float[]> download;
    private readonly string spoolPath;
    private readonly List<(string Name, Shape Shape, long Offset)> records = [];
    private readonly Dictionary<string, int> seen = new(StringComparer.Ordinal);
    private FileStream? spool;

    /// <summary>Begins a dump.</summary>
    /// <param name="path">The file to make; its folder exists.</param>
    /// <param name="download">Copies a tensor from the device to floats, row-major without gaps; null where tensors are in host memory.</param>
    /// <param name="overwrite">Whether an existing file is replaced.</param>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public TensorDump(string path, Func<Tensor, float[]>? download = null, bool overwrite = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        this.path = path;
        this.download = download ?? HostFloats.Copy;
        this.overwrite = overwrite;
        spoolPath = $"{path}.{Guid.NewGuid():N}.spool";
        spool = new FileStream(spoolPath, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16, FileOptions.DeleteOnClose);
    }

    /// <inheritdoc/>
    public bool IsActive => true;

    /// <summary>The file of a stage run: <c>text_encoder.0</c> in a folder becomes <c>folder/text_encoder.0.safetensors</c>.</summary>
    /// <param name="folder">The dump's folder.</param>
    /// <param name="stageRun">The name that the pipeline gives the run; characters that file names do not take become '-'.</param>
    public static string FileName(string folder, string stageRun)
    {
        ArgumentException.ThrowIfNullOrEmpty(stageRun);
        char[] name = [.. stageRun.Select(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' ? c : '-')];
        return Path.Combine(folder, $"{new string(name)}.safetensors");
    }

    /// <inheritdoc/>
    /// <exception cref="ObjectDisposedException">The dump is finished.</exception>
    public void Record(string name, Tensor tensor)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ObjectDisposedException.ThrowIf(spool is null, this);
        int times = seen[name] = seen.GetValueOrDefault(name) + 1;
        string unique = times == 1 ? name : string.Create(CultureInfo.InvariantCulture, $"{name}#{times}");
        float[] values = download(tensor);
        records.Add((unique, tensor.Shape, spool.Position));
        spool.Write(MemoryMarshal.AsBytes<float>(values));
    }

    /// <summary>Writes the file; nothing is written where nothing was recorded.</summary>
    public void Dispose()
    {
        if (spool is not FileStream source)
        {
            return;
        }

        spool = null;
        using (source)
        {
            if (records.Count > 0)
            {
                SafetensorsWriter.Write(path, records.Select(r => Entry(source, r.Name, r.Shape, r.Offset)), metadata: null, overwrite);
            }
        }
    }

    private static SafetensorsTensor Entry(FileStream source, string name, Shape shape, long offset) => new(name, DType.F32, shape, target =>
    {
        source.Position = offset;
        long left = shape.Count * sizeof(float);
        byte[] buffer = new byte[(int)Math.Min(left, 1 << 20)];
        while (left > 0)
        {
            int count = (int)Math.Min(left, buffer.Length);
            source.ReadExactly(buffer, 0, count);
            target.Write(buffer, 0, count);
            left -= count;
        }
    });
}
