using System.Text.Json;

namespace ZImage.Weights;

/// <summary>The index of a checkpoint part that is split over several files: <c>weight_map</c>, tensor name to file name.</summary>
/// <param name="Path">The index file.</param>
/// <param name="FileOf">Tensor name to the name of the shard that holds it, in the index's folder.</param>
internal sealed record ShardIndex(string Path, IReadOnlyDictionary<string, string> FileOf)
{
    /// <summary>Reads a <c>*.safetensors.index.json</c>.</summary>
    /// <exception cref="ModelFormatException">Not an index, or one that names files outside its folder.</exception>
    public static ShardIndex Open(string path)
    {
        ConfigReader config = ConfigReader.Open(path);
        JsonElement map = config.Find("weight_map") is { ValueKind: JsonValueKind.Object } found
            ? found
            : throw config.Error("weight_map", "is missing or no object", "The index is damaged; fetch it again.");
        Dictionary<string, string> files = new(StringComparer.Ordinal);
        foreach ((string name, JsonElement value) in config.Members("weight_map", map))
        {
            string? file = value.ValueKind == JsonValueKind.String ? config.Text("weight_map", value) : null;
            if (file is null || file.Length == 0 || file is "." or ".." || file.AsSpan().IndexOfAny("/\\:\0") >= 0)
            {
                throw config.Error("weight_map", $"gives '{SafetensorsHeader.Show(name)}' no plain file name", "The index is damaged; fetch it again.");
            }

            files[name] = file;
        }

        return new ShardIndex(path, files);
    }
}
