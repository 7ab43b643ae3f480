using NUnit.Framework;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Tests.Weights;

internal sealed class WeightFilesTests
{
    private CheckpointFolder folder = null!;

    [SetUp]
    public void MakeFolder() => folder = new CheckpointFolder();

    [TearDown]
    public void DeleteFolder() => folder.Dispose();

    [TestCase("model.safetensors")]
    [TestCase("model.fp16.safetensors")]
    [TestCase("z_image_turbo_bf16.safetensors")]
    public void Single_file_is_found_under_any_name(string name)
    {
        folder.WriteZeros(name, DType.F32, ("a", [2]));
        using WeightFiles weights = WeightFiles.OpenFolder(folder.Path, "model");
        Assert.That(weights.Tensors.Keys, Is.EqualTo(new[] { "a" }));
    }

    [Test]
    public void Shards_are_one_set_and_tensors_outside_the_index_stay_visible()
    {
        WriteShards(("a", "m-1.safetensors"), ("b", "m-2.safetensors"));
        folder.WriteZeros("m-1.safetensors", DType.F32, ("a", [2]), ("extra", [1]));
        folder.WriteZeros("m-2.safetensors", DType.BF16, ("b", [3]), ("a", [5]));
        using WeightFiles weights = WeightFiles.OpenFolder(folder.Path, "model");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(weights.Tensors.Keys, Is.EquivalentTo(new[] { "a", "b", "extra" }));
            Assert.That(weights.Tensors["a"].Shape, Is.EqualTo(new Shape(2)), "the index says which copy counts");
            Assert.That(weights.Tensors["b"].View.DType, Is.EqualTo(DType.BF16));
            Assert.That(weights.FileOf("b").Path, Does.EndWith("m-2.safetensors"));
            Assert.That(weights.Files, Has.Count.EqualTo(2));
        }
    }

    [Test]
    public void Missing_shard_is_named_with_its_tensors()
    {
        WriteShards(("a", "m-1.safetensors"), ("b", "m-2.safetensors"), ("c", "m-2.safetensors"));
        folder.WriteZeros("m-1.safetensors", DType.F32, ("a", [2]));
        Refused("m-2.safetensors: this shard is missing", "b, c");
    }

    [Test]
    public void Tensor_that_its_shard_lacks_is_named()
    {
        WriteShards(("a", "m-1.safetensors"), ("b", "m-1.safetensors"));
        folder.WriteZeros("m-1.safetensors", DType.F32, ("a", [2]));
        Refused("m-1.safetensors", "holds b, but it does not");
    }

    [Test]
    public void Tensor_in_two_shards_and_not_in_the_index_is_refused()
    {
        WriteShards(("a", "m-1.safetensors"), ("b", "m-2.safetensors"));
        folder.WriteZeros("m-1.safetensors", DType.F32, ("a", [2]), ("x", [1]));
        folder.WriteZeros("m-2.safetensors", DType.F32, ("b", [2]), ("x", [1]));
        Refused("'x' is also in");
    }

    [TestCase("""{"weight_map":{"a":"../m.safetensors"}}""", "'a' no plain file name")]
    [TestCase("""{"weight_map":{"a":"/etc/passwd"}}""", "'a' no plain file name")]
    [TestCase("""{"weight_map":{"a":3}}""", "'a' no plain file name")]
    [TestCase("""{"weight_map":[]}""", "weight_map is missing or no object")]
    [TestCase("""{}""", "weight_map is missing or no object")]
    [TestCase("""{"weight_map":{"\ud800":"a"}}""", "not valid text")]
    [TestCase("""{"weight_map":""", "not valid JSON")]
    [TestCase("""[]""", "not a JSON object")]
    public void Broken_index_is_refused(string json, string reason)
    {
        folder.Write("model.safetensors.index.json", json);
        Refused(reason);
    }

    [Test]
    public void Folder_without_weights_names_what_it_expects_and_what_it_found()
    {
        folder.Write("pytorch_model.bin", "x");
        ModelFormatException error = Refused("no .safetensors files, only pytorch_model.bin");
        Assert.That(error.Hint, Does.Contain("model.safetensors.index.json"));
    }

    [Test]
    public void Several_files_without_an_index_are_refused()
    {
        folder.WriteZeros("m-1.safetensors", DType.F32, ("a", [2]));
        folder.WriteZeros("m-2.safetensors", DType.F32, ("b", [2]));
        Refused("2 .safetensors files and no model.safetensors.index.json: m-1.safetensors, m-2.safetensors");
    }

    private ModelFormatException Refused(params string[] parts)
    {
        ModelFormatException error = Assert.Throws<ModelFormatException>(() => WeightFiles.OpenFolder(folder.Path, "model").Dispose())!;
        foreach (string part in parts)
        {
            Assert.That(error.Message, Does.Contain(part));
        }

        return error;
    }

    private void WriteShards(params (string Name, string File)[] map) => folder.Write(
        "model.safetensors.index.json",
        $$$"""{"metadata":{"total_size":1},"weight_map":{ {{{string.Join(',', map.Select(pair => $"\"{pair.Name}\":\"{pair.File}\""))}}} }}""");
}
