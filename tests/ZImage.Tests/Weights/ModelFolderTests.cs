using NUnit.Framework;
using System.Text.Json;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Tests.Weights;

internal sealed class ModelFolderTests
{
    private const string Transformer = """{"dim":32,"n_layers":1,"n_refiner_layers":1,"n_heads":2,"n_kv_heads":2,"cap_feat_dim":16,"axes_dims":[8,4,4],"axes_lens":[256,32,32]}""";
    private const string TextEncoder = """{"hidden_size":16,"intermediate_size":24,"num_hidden_layers":2,"num_attention_heads":2,"num_key_value_heads":1,"head_dim":8,"vocab_size":100}""";
    private const string Vae = """{"block_out_channels":[32,64],"down_block_types":["DownEncoderBlock2D","DownEncoderBlock2D"],"up_block_types":["UpDecoderBlock2D","UpDecoderBlock2D"],"latent_channels":16}""";

    private CheckpointFolder folder = null!;

    [SetUp]
    public void MakeFolder()
    {
        folder = new CheckpointFolder();
        folder.Write("m/model_index.json", """{"_class_name":"ZImagePipeline","transformer":["diffusers","ZImageTransformer2DModel"]}""");
        folder.Write("m/transformer/config.json", Transformer);
        folder.WriteZeros("m/transformer/diffusion_pytorch_model.safetensors", DType.BF16, ("x_pad_token", [1, 32]), ("layers.0.attention.to_q.weight", [32, 32]));
        folder.Write("m/text_encoder/config.json", TextEncoder);
        folder.WriteZeros("m/text_encoder/model.safetensors", DType.F16, ("model.norm.weight", [16]), ("lm_head.weight", [100, 16]));
        folder.Write("m/vae/config.json", Vae);
        folder.WriteZeros("m/vae/diffusion_pytorch_model.safetensors", DType.F32, ("decoder.conv_in.bias", [64]));
        folder.Write("m/scheduler/scheduler_config.json", """{"shift":6.0}""");
        folder.Write("m/tokenizer/tokenizer.json", "{}");
    }

    [TearDown]
    public void DeleteFolder() => folder.Dispose();

    private string Model => folder.At("m");

    [Test]
    public void Parts_and_configs_are_found()
    {
        ModelFolder model = ModelFolder.Open(Model);
        using PartWeights transformer = model.OpenTransformer();
        using PartWeights text = model.OpenTextEncoder();
        using PartWeights vae = model.OpenVae();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(model.PipelineClass, Is.EqualTo("ZImagePipeline"));
            Assert.That((model.Transformer.Dim, model.TextEncoder.HiddenSize, model.Vae.ScaleFactor, model.Scheduler.Shift), Is.EqualTo((32, 16, 2, 6.0)));
            Assert.That(transformer.Tensors.Keys, Is.EquivalentTo(new[] { "x_pad_token", "layers.0.attention.to_q.weight" }));
            Assert.That(text.Tensors.Keys, Is.EqualTo(new[] { "norm.weight" }));
            Assert.That(vae.CreateReader().Require("decoder.conv_in.bias", 64).Shape, Is.EqualTo(new Shape(64)));
            Assert.That(Directory.Exists(model.TokenizerFolder), Is.True);
        }
    }

    [Test]
    public void Keys_that_nobody_knows_are_named_and_the_others_are_not()
    {
        Assert.That(ModelFolder.Open(Model).Warnings, Is.Empty);
        folder.Write("m/transformer/config.json", Transformer.Replace("\"dim\"", "\"gated\":true,\"absent\":null,\"_diffusers_version\":\"0.40.0\",\"dim\"", StringComparison.Ordinal));
        folder.Write("m/scheduler/scheduler_config.json", """{"shift":6.0,"use_flow_sigmas":true,"order":2}""");
        Assert.That(ModelFolder.Open(Model).Warnings, Is.EqualTo(new[]
        {
            $"{folder.At("m", "scheduler", "scheduler_config.json")} has keys that the engine does not know and does not use: order, use_flow_sigmas.",
            $"{folder.At("m", "transformer", "config.json")} has keys that the engine does not know and does not use: gated.",
        }));
    }

    [Test]
    public void Folder_without_model_index_is_a_checkpoint_too()
    {
        File.Delete(folder.At("m", "model_index.json"));
        Assert.That(ModelFolder.Open(Model).PipelineClass, Is.Null);
    }

    [TestCase("m", "", "6.0", 28, 4f)]
    [TestCase("m", "", "1.0", 28, 4f)]
    [TestCase("m", "", "3.0", 8, 0f)]
    [TestCase("Z-Image-TURBO", "", "6.0", 8, 0f)]
    [TestCase("m", "Tongyi-MAI/Z-Image-Turbo", "6.0", 8, 0f)]
    [TestCase("m", "Tongyi-MAI/Z-Image", "6.0", 28, 4f)]
    public void Defaults_follow_the_name_or_the_shift(string name, string origin, string shift, int steps, float guidance)
    {
        folder.Write("m/model_index.json", $$"""{"_name_or_path":"{{origin}}"}""");
        folder.Write("m/scheduler/scheduler_config.json", $$"""{"shift":{{shift}}}""");
        string path = folder.At(name);
        if (path != Model)
        {
            Directory.Move(Model, path);
        }

        ModelFolder model = ModelFolder.Open(path + Path.DirectorySeparatorChar);
        Assert.That((model.DefaultSteps, model.DefaultGuidance), Is.EqualTo((steps, guidance)));
    }

    [Test]
    public void Single_file_transformer_without_config_replaces_the_folders_own()
    {
        Directory.Delete(folder.At("m", "transformer"), recursive: true);
        (string, int[])[] tensors =
        [
            ("x_embedder.weight", [256, 64]), ("cap_embedder.0.weight", [16]), ("layers.0.attention.q_norm.weight", [128]), ("layers.0.attention.qkv.weight", [768, 256]),
            ("noise_refiner.0.ffn_norm1.weight", [256]), ("context_refiner.0.ffn_norm1.weight", [256]),
        ];
        string file = folder.WriteZeros("other/z_image_bf16.safetensors", DType.BF16, tensors);
        Assert.That(() => ModelFolder.Open(Model), Throws.TypeOf<ModelFormatException>().With.Message.Contains("no transformer/"));
        foreach (string? external in (string?[])[file, null])
        {
            if (external is null)
            {
                folder.WriteZeros("m/transformer/any name.safetensors", DType.BF16, tensors);
            }

            ModelFolder model = ModelFolder.Open(Model, external);
            using PartWeights weights = model.OpenTransformer();
            Assert.That((model.Transformer.Dim, model.Transformer.HeadCount), Is.EqualTo((256, 2)));
            Assert.That(weights.Tensors, Does.ContainKey("layers.0.attention.to_v.weight"));
        }
    }

    [Test]
    public void What_is_no_checkpoint_is_refused_with_the_expected_layout()
    {
        folder.At("empty", "x");
        using (Assert.EnterMultipleScope())
        {
            foreach (string path in (string[])[folder.At("empty"), folder.At("nowhere"), folder.At("m", "model_index.json")])
            {
                Assert.That(() => ModelFolder.Open(path), Throws.TypeOf<ModelFormatException>().With.Message.StartsWith(path).And.Property("Hint").Contains("text_encoder/"));
            }
        }
    }

    [TestCase("vae", "no vae/")]
    [TestCase("tokenizer", "no tokenizer/")]
    [TestCase("scheduler", "no scheduler/")]
    public void Missing_part_is_named(string part, string reason)
    {
        Directory.Delete(folder.At("m", part), recursive: true);
        Assert.That(() => ModelFolder.Open(Model), Throws.TypeOf<ModelFormatException>().With.Message.Contains(reason));
    }

    [TestCase("tokenizer/tokenizer.json", "no tokenizer.json")]
    [TestCase("vae/config.json", "no such file")]
    [TestCase("scheduler/scheduler_config.json", "no such file")]
    [TestCase("text_encoder/config.json", "no such file")]
    public void Missing_file_is_named(string file, string reason)
    {
        File.Delete(folder.At(["m", .. file.Split('/')]));
        Assert.That(() => ModelFolder.Open(Model), Throws.TypeOf<ModelFormatException>().With.Message.Contains(reason).And.Message.Contains(file.Split('/')[0]));
    }

    [TestCase("text_encoder/config.json", "\"hidden_size\":16", "\"hidden_size\":18", "width 16 (cap_feat_dim), but the text encoder gives 18")]
    [TestCase("vae/config.json", "\"latent_channels\":16", "\"latent_channels\":4", "16 latent channels (in_channels), but the VAE has 4")]
    [TestCase("model_index.json", "ZImagePipeline", "FluxPipeline", "'FluxPipeline'")]
    public void Parts_of_different_models_are_refused(string file, string from, string to, string reason)
    {
        string path = folder.At(["m", .. file.Split('/')]);
        File.WriteAllText(path, File.ReadAllText(path).Replace(from, to, StringComparison.Ordinal));
        Assert.That(() => ModelFolder.Open(Model), Throws.TypeOf<ModelFormatException>().With.Message.Contains(reason));
    }

    [Test]
    public void Info_counts_tensors_parameters_and_types()
    {
        ModelInfo info = ModelInfo.Read(Model, listTensors: true);
        PartInfo text = info.Parts[0];
        using JsonDocument json = JsonDocument.Parse(info.ToJson());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(info.Parts.Select(part => part.Name), Is.EqualTo(new[] { "text_encoder", "transformer", "vae" }));
            Assert.That((text.TensorCount, text.ParameterCount, text.Bytes), Is.EqualTo((2, 1616L, 3232L)));
            Assert.That(text.Types, Is.EqualTo(new[] { new TypeInfo("F16", 2, 1616, 3232) }));
            Assert.That(text.Tensors!.Select(tensor => tensor.Name), Is.EqualTo(new[] { "lm_head.weight", "model.norm.weight" }));
            Assert.That(info.ParameterCount, Is.EqualTo(1616 + 32 + 1024 + 64));
            Assert.That(info.FileBytes, Is.EqualTo(Directory.GetFiles(Model, "*.safetensors", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length)));
            Assert.That(json.RootElement.GetProperty("parts")[1].GetProperty("tensors")[0].GetProperty("shape")[0].GetInt32(), Is.EqualTo(32));
            Assert.That(json.RootElement.GetProperty("transformer").GetProperty("head_dim").GetInt32(), Is.EqualTo(16));
            Assert.That(json.RootElement.GetProperty("scheduler").GetProperty("time_shift_type").GetString(), Is.EqualTo("Exponential"));
            Assert.That(json.RootElement.GetProperty("default_steps").GetInt32(), Is.EqualTo(28));
            Assert.That(info.EstimateMemory(64, 64, 1)!.WeightBytes, Is.EqualTo(info.FileBytes));
        }
    }

    [Test]
    public void Info_of_a_single_file_lists_unsupported_types_too()
    {
        ModelInfo info = ModelInfo.Read(folder.WriteRaw("x.safetensors", """{"x":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}""", 1, 2));
        Assert.That(info.Parts[0].Types, Is.EqualTo(new[] { new TypeInfo("F8_E4M3", 1, 2, 2) }));
        Assert.That((info.Parts[0].Tensors, info.Transformer, info.EstimateMemory(64, 64, 1)), Is.EqualTo(((IReadOnlyList<TensorInfo>?)null, (ZImage.Dit.ZImageTransformerConfig?)null, (MemoryEstimate?)null)));
    }
}
