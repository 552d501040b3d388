-- Masks, a picture to start from, and a result of 16 bits a channel: names of blobs, the masks in JSON.
ALTER TABLE jobs ADD COLUMN masks TEXT NOT NULL DEFAULT '[]';
ALTER TABLE jobs ADD COLUMN style_masks TEXT NOT NULL DEFAULT '[]';
ALTER TABLE jobs ADD COLUMN initial TEXT;
ALTER TABLE jobs ADD COLUMN result_16 TEXT;

-- What recipes left to the objective, and to the backbone that was found, is written out. Of a job that
-- no worker has begun, nothing tells what `auto` would have found: it gets the network that is always there.
UPDATE jobs SET recipe = json_set(recipe,
    '$.backbone', CASE coalesce(json_extract(fingerprint, '$.backbone'), json_extract(recipe, '$.backbone'))
        WHEN 'vgg19' THEN 'vgg19' ELSE 'vgg16' END,
    '$.optimiser', coalesce(json_extract(recipe, '$.optimiser'), 'adam'),
    '$.content_layers', json(CASE
        WHEN json_extract(recipe, '$.objective') = 'relative' THEN '[{"layer":"conv4_2","weight":1.0}]'
        WHEN coalesce(json_extract(fingerprint, '$.backbone'), json_extract(recipe, '$.backbone')) = 'vgg19'
            THEN '[{"layer":"conv4_4","weight":1.0}]'
        ELSE '[{"layer":"conv4_3","weight":1.0}]' END),
    '$.style_layers', json(CASE json_extract(recipe, '$.objective')
        WHEN 'relative' THEN '[{"layer":"conv1_1","weight":2.5},{"layer":"conv2_1","weight":1.25},
            {"layer":"conv3_1","weight":0.6},{"layer":"conv4_1","weight":0.3},{"layer":"conv5_1","weight":0.08}]'
        ELSE '[{"layer":"conv1_1","weight":1.0},{"layer":"conv2_1","weight":1.0},
            {"layer":"conv3_1","weight":1.0},{"layer":"conv4_1","weight":1.0},{"layer":"conv5_1","weight":1.0}]' END),
    '$.pooling', CASE json_extract(recipe, '$.objective') WHEN 'relative' THEN 'l2' ELSE 'max' END,
    '$.init', 'content',
    '$.seed', 0,
    '$.style_scale', 1.0,
    '$.colours', 'style',
    '$.alpha', 'white');
